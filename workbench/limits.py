"""DynamoDB's limits, each with the page that states it.

A number that the service enforces stands here once, under its name, so that checks, messages and charts agree.
KB, MB and GB are binary. Pages are those of the Amazon DynamoDB Developer Guide.
"""

KB = 1024
MB = 1024 * KB
GB = 1024 * MB

# Constraints.html, "Items"; capacity-unit-calculations.html
ITEM_BYTES = 400 * KB
NESTING_LEVELS = 32
PARTITION_KEY_BYTES = 2048
SORT_KEY_BYTES = 1024
NUMBER_DIGITS = 38
NUMBER_EXPONENTS = (-130, 125)  # |x| from 1E-130 to 9.99E+125, and 0

# read-write-operations.html
READ_UNIT_BYTES = 4 * KB
WRITE_UNIT_BYTES = 1 * KB
PAGE_BYTES = 1 * MB  # Query.Pagination.html: evaluated before the filter
INTEGER = 2**31 - 1  # API_Query.html: Limit is an Integer, of 32 bits as everywhere in the API

# bp-partition-key-design.html: every partition, whatever the capacity mode
PARTITION_READ_UNITS = 3000
PARTITION_WRITE_UNITS = 1000
PARTITION_BYTES = 10 * GB

# on-demand-capacity-mode.html: what a new on-demand table serves at once
ON_DEMAND_READ_UNITS = 12_000
ON_DEMAND_WRITE_UNITS = 4_000

# API_BatchGetItem, API_BatchWriteItem, API_TransactWriteItems
BATCH_GET_ITEMS = 100
BATCH_GET_BYTES = 16 * MB
BATCH_WRITE_ITEMS = 25
BATCH_WRITE_BYTES = 16 * MB  # which 25 items of 400 KB do not come to
TRANSACTION_ITEMS = 100
TRANSACTION_BYTES = 4 * MB

# Constraints.html, "Secondary indexes"; GSI.DesignPattern.MultiAttributeKeys.html
GSI_PER_TABLE = 20
LSI_PER_TABLE = 5
INDEX_KEY_ATTRIBUTES = 4  # partition, and again sort, key attributes of a GSI
PROJECTED_ATTRIBUTES = 100  # INCLUDE, all indexes of a table together
COLLECTION_BYTES_WITH_LSI = 10 * GB

# Constraints.html, "Naming rules", "Expression parameters"
NAME_CHARACTERS = (3, 255)
ATTRIBUTE_NAME_BYTES = 65_535
KEY_NAME_BYTES = 255
EXPRESSION_BYTES = 4 * KB
EXPRESSION_OPERATORS = 300
IN_OPERANDS = 100

# ServiceQuotas.html: per table, adjustable
TABLE_READ_UNITS = 40_000
TABLE_WRITE_UNITS = 40_000

# bp-understanding-billing.html
STORED_ITEM_OVERHEAD_BYTES = 100
REPLICATED_ITEM_OVERHEAD_BYTES = 48
