"""delta-rs's side of `npm run bench -- read`: makes the table, and reads it as Sluice does. One line of JSON a command."""
import json
import resource
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import DeltaTable, WriterProperties, write_deltalake

CITIES = ['Amsterdam', 'Berlin', 'Chicago', 'Delhi', 'Edinburgh', 'Florence', 'Geneva', 'Havana']


def rows_of(start, count):
    random = np.random.default_rng(start)
    return pa.table({
        'id': pa.array(np.arange(start, start + count, dtype=np.int64)),
        'customer': pa.array(random.integers(0, 1_000_000, count, dtype=np.int32)),
        'amount': pa.array(np.round(random.random(count) * 10_000, 2)),
        'city': pa.array(np.array(CITIES)[random.integers(0, len(CITIES), count)]),
        'note': pa.array([f'order {n:08x}' for n in random.integers(0, 2**32, count)]),
        'paid': pa.array(random.random(count) < 0.5),
        'placed_at': pa.array(1_700_000_000_000_000 + np.arange(start, start + count) * 1_000_000, pa.timestamp('us', 'UTC')),
    })


def make(path, rows, files):
    each = rows // files
    properties = WriterProperties(max_row_group_size=131_072, compression='SNAPPY')
    for file in range(files):
        write_deltalake(path, rows_of(file * each, each), mode='append', writer_properties=properties)


def read(path, columns, low, high):
    table = DeltaTable(path)
    where = None if low is None else (ds.field('id') >= low) & (ds.field('id') < high)
    return table.to_pyarrow_dataset().to_table(columns=columns, filter=where).num_rows


def measure(path, columns, low, high, repeat):
    read(path, columns, low, high)
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        rows = read(path, columns, low, high)
        times.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {'rows': rows, 'seconds': sorted(times)[len(times) // 2], 'peakRssMiB': round(peak / 1024)}


job = json.loads(sys.argv[1])
if job['what'] == 'make':
    make(job['path'], job['rows'], job['files'])
else:
    print(json.dumps(measure(job['path'], job['columns'], job['low'], job['high'], job['repeat'])))
