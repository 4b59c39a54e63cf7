"""HTTP: which request is meant, who may come in, what is answered, and how it is spoilt on purpose."""
