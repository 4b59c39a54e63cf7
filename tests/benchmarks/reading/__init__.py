"""Reading: typed frames of a canned org's answers, beside the bare requests and another client."""

from .measures import measures as measures
from .predicates import of_predicates as of_predicates
