"""Thresholds of the review: from where on something is said, each with its source.

What the service enforces stands in `limits`. Here is what turns a number into advice: a rule that speaks too early is
switched off, and one that speaks too late is of no use. A line marked *ours* has no published source; it is a
judgement, and says on what.
"""

from workbench.limits import GB, KB, MB

# Keys. DynamoDB begins to split a partition that runs at half of its limit for a minute (measured: 20,000 write units
# ended on 56 partitions); what it cannot split, one key or one item, has no more room from there on.
KEY_UTILISATION = 0.5
FEW_VALUES = 100  # partition key values; AWS's data modelling guidance aims for more
CONFLICTING_WRITES = 20.0  # transactions a second on one item; ours: half of them overlap if each takes 35 ms

# Indexes
INDEX_UTILISATION = 0.5  # as for keys; beyond the limit the index throttles its table (GSI.html, gsi-throttling)
COLLECTION_SHARE = 0.5  # of the 10 GB that a collection with a local index may hold; ours: time to move
COLLECTION_YEARS = 3  # ours: a local index cannot be removed from a table, so that one looks this far ahead
KEY_CHANGE_UNITS = 100.0  # index write units/s from changes of an index key; ours: a tenth of a partition
FETCH_UNITS = 1.0  # read units a call for fetching what a local index does not project (LSI.html)
SAVED_UNITS = 10.0  # units/s that a smaller projection saves; ours: about 15 $ a month of writes

# Access patterns
DISCARDED_ERROR = 0.9  # of what is read: AWS's data modelling guidance wants a sparse index from here
DISCARDED_WARNING = 0.5  # ours: more is thrown away than returned
DISCARDED_NOTE = 0.2  # ours
SMALL_SCAN = 32 * KB  # ours: a table that costs at most 4 units to read whole, and that nothing adds to
PARALLEL_SCAN = 20 * GB  # bp-query-scan: parallel scans are for tables from here
SCAN_SHARE = 0.5  # of provisioned read capacity that one Scan takes from everybody else; ours
QUERIES_PER_CALL = 5  # AWS's data modelling guidance: restructure from here
COUNT_UNITS = 10.0  # read units to count items, where a counter costs one write; ours
STRONG_UNITS = 100.0  # read units/s that eventual consistency saves; ours: 33 $ a month
SAME_INSTANT = 1.0  # items a month that replace another of the same instant; ours: each is lost without a word
REFUSED_ERROR = 0.01  # of the calls of a transaction that are too large; ours
PAGE = 1 * MB  # Query.Pagination: what one request reads at most

# Items
LARGE_ITEM = 100 * KB  # AWS's data modelling guidance: split, or move to S3
ITEM_SHARE_OF_LIMIT = 0.9  # of 400 KB; ours
JUST_OVER = 0.1  # of a unit's bytes: 1.1 KB written costs what 2 KB do (read-write-operations)
JUST_OVER_SAVING = 0.1  # of the units of a call; ours
JUST_OVER_ITEMS = 0.5  # of the items; ours
SMALL_CHANGE = 128  # bytes that an update sets; ours
WASTED_UNITS = 50.0  # units/s that an update pays for bytes that it does not change; ours
TTL_YEARS = 5  # TTL ignores what expired longer ago (time-to-live-ttl-how-to)

# Traffic and cost
PEAK_MULTIPLE = 2.0  # on-demand serves twice the previous peak at once (on-demand-capacity-mode)
CHEAPER_ON_DEMAND = 0.289  # utilisation below which on-demand is cheaper: 0.00065 $ / (3600 x 0.625e-6 $)
STORAGE_SHARE = 0.5  # of a table's cost, from which Standard-IA is (costoptimization-tableclass)
THROTTLED_ERROR = 0.01  # of a pattern's requests in a simulation; ours
THROTTLED_WARNING = 0.001  # ours: what noise alone makes at 95 % of a limit
MONTH_HOURS = 730  # as AWS's calculators count
MONTH_SECONDS = MONTH_HOURS * 3600
