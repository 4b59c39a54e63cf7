"""Who may come in: token grants, SOAP login."""
