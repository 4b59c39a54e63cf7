"""SOQL: statements become SQL over the org's tables, with the org's rules and its refusals."""

from sfframe.localorg.soql.compile import compile_soql as compile_soql
from sfframe.localorg.soql.errors import SoqlError as SoqlError
from sfframe.localorg.soql.query import Children as Children
from sfframe.localorg.soql.query import Context as Context
from sfframe.localorg.soql.query import Level as Level
from sfframe.localorg.soql.query import Output as Output
from sfframe.localorg.soql.query import Query as Query
