"""A Bulk API 2.0 server on loopback, after the vendor's documents: a second reading of them, beside the client's."""

from sfframe.localorg.faults import Fault
from sfframe.localorg.manners import Manners
from sfframe.localorg.server import Server

__all__ = ["Fault", "Manners", "Server"]
