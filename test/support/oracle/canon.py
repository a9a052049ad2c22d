"""Canonical NDJSON of an Arrow table: one JSON object a row, lines sorted by their UTF-8 bytes.

Rules (the same for every expected file):
  boolean        true / false
  byte..long     integer literal, exact (also beyond 2^53)
  float, double  shortest round-trip digits, laid out as ECMAScript Number::toString does (1, 0.1, 1e+21, 1e-7);
                 a float is widened to double first; minus zero is -0.0; "NaN", "Infinity", "-Infinity" are strings
  decimal(p,s)   string with exactly s fraction digits, no exponent
  string         JSON string, escaped as JSON.stringify does, non-ASCII left as it is
  binary         standard base64 with padding, as a string
  date           "YYYY-MM-DD"
  timestamp      "YYYY-MM-DDTHH:MM:SS.ffffffZ", in UTC
  timestamp_ntz  the same without Z
                 (years outside 0000..9999 take a sign and six digits)
  array          [..]
  map            [[k,v],..] sorted by the UTF-8 bytes of the serialized key
  struct         object, keys in schema order
  void, null     null
No spaces. Field order is schema order, also at top level.

Command line:  canon.py FILE.parquet ...   (concatenates, prints canonical NDJSON)
"""
import base64
import json
import math
import sys

import pyarrow as pa


def es_number(x):
    """ECMAScript Number::toString(x) with a distinct minus zero, as JSON text."""
    if x != x:
        return '"NaN"'
    if math.isinf(x):
        return '"Infinity"' if x > 0 else '"-Infinity"'
    if x == 0:
        return '-0.0' if math.copysign(1.0, x) < 0 else '0'
    sign = '-' if x < 0 else ''
    mant, _, exp = repr(abs(x)).partition('e')
    e = int(exp or 0)
    whole, _, frac = mant.partition('.')
    if frac == '0':
        frac = ''
    n = len(whole) + e
    digits = whole + frac
    stripped = digits.lstrip('0')
    n -= len(digits) - len(stripped)
    digits = stripped.rstrip('0')
    k = len(digits)
    if k <= n <= 21:
        s = digits + '0' * (n - k)
    elif 0 < n <= 21:
        s = digits[:n] + '.' + digits[n:]
    elif -6 < n <= 0:
        s = '0.' + '0' * -n + digits
    else:
        m = digits if k == 1 else digits[0] + '.' + digits[1:]
        s = '%se%s%d' % (m, '+' if n - 1 >= 0 else '-', abs(n - 1))
    return sign + s


def civil(days):
    """Proleptic Gregorian year, month, day of a day count since 1970-01-01."""
    z = days + 719468
    era = z // 146097
    doe = z - era * 146097
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    m = mp + 3 if mp < 10 else mp - 9
    return yoe + era * 400 + (1 if m <= 2 else 0), m, doy - (153 * mp + 2) // 5 + 1


def date_text(days):
    y, m, d = civil(days)
    year = '%04d' % y if 0 <= y <= 9999 else '%s%06d' % ('+' if y > 0 else '-', abs(y))
    return '%s-%02d-%02d' % (year, m, d)


def timestamp_text(micros, utc):
    days, rest = divmod(micros, 86400000000)
    secs, us = divmod(rest, 1000000)
    return '%sT%02d:%02d:%02d.%06d%s' % (
        date_text(days), secs // 3600, secs // 60 % 60, secs % 60, us, 'Z' if utc else '')


def _leaf(arr, render):
    return ['null' if v is None else render(v) for v in arr.to_pylist()]


def texts(arr):
    """JSON text of each element of an Arrow array."""
    if isinstance(arr, pa.ChunkedArray):
        out = []
        for c in arr.chunks:
            out += texts(c)
        return out
    t = arr.type
    if isinstance(arr, pa.ExtensionArray):
        return texts(arr.storage)
    if pa.types.is_null(t):
        return ['null'] * len(arr)
    if pa.types.is_dictionary(t):
        return texts(arr.dictionary_decode())
    if pa.types.is_boolean(t):
        return _leaf(arr, lambda v: 'true' if v else 'false')
    if pa.types.is_integer(t):
        return _leaf(arr, str)
    if pa.types.is_floating(t):
        return _leaf(arr, lambda v: es_number(float(v)))
    if pa.types.is_decimal(t):
        return _leaf(arr, lambda v: '"%s"' % format(v, 'f'))
    if pa.types.is_date32(t):
        return _leaf(arr.cast(pa.int32()), lambda v: '"%s"' % date_text(v))
    if pa.types.is_date64(t):
        return _leaf(arr.cast(pa.int64()), lambda v: '"%s"' % date_text(v // 86400000))
    if pa.types.is_timestamp(t):
        per = {'s': (1000000, 1), 'ms': (1000, 1), 'us': (1, 1), 'ns': (1, 1000)}[t.unit]
        return _leaf(arr.cast(pa.int64()),
                     lambda v: '"%s"' % timestamp_text(v * per[0] // per[1], t.tz is not None))
    if pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_string_view(t):
        return _leaf(arr, lambda v: json.dumps(v, ensure_ascii=False))
    if (pa.types.is_binary(t) or pa.types.is_large_binary(t) or pa.types.is_fixed_size_binary(t)
            or pa.types.is_binary_view(t)):
        return _leaf(arr, lambda v: '"%s"' % base64.b64encode(v).decode())
    if pa.types.is_map(t):
        nulls = arr.is_null().to_pylist()
        off = arr.offsets.to_pylist()
        keys, vals = texts(arr.keys), texts(arr.items)
        base = 0
        if len(keys) != (off[-1] if off else 0):
            base = off[0]
        out = []
        for i, isnull in enumerate(nulls):
            if isnull:
                out.append('null')
                continue
            pairs = [(keys[j - base], vals[j - base]) for j in range(off[i], off[i + 1])]
            pairs.sort(key=lambda p: p[0].encode())
            out.append('[%s]' % ','.join('[%s,%s]' % p for p in pairs))
        return out
    if pa.types.is_list(t) or pa.types.is_large_list(t):
        nulls = arr.is_null().to_pylist()
        off = arr.offsets.to_pylist()
        vals = texts(arr.values)
        return ['null' if n else '[%s]' % ','.join(vals[off[i]:off[i + 1]]) for i, n in enumerate(nulls)]
    if pa.types.is_fixed_size_list(t) or pa.types.is_list_view(t) or pa.types.is_large_list_view(t):
        return texts(arr.cast(pa.list_(t.value_type)))
    if pa.types.is_struct(t):
        nulls = arr.is_null().to_pylist()
        names = [json.dumps(t.field(i).name, ensure_ascii=False) for i in range(t.num_fields)]
        cols = [texts(c) for c in arr.flatten()]
        return ['null' if n else '{%s}' % ','.join('%s:%s' % (k, c[i]) for k, c in zip(names, cols))
                for i, n in enumerate(nulls)]
    raise TypeError('no canonical form for %s' % t)


def lines(table):
    """Sorted canonical lines of a pyarrow Table."""
    names = [json.dumps(n, ensure_ascii=False) for n in table.column_names]
    cols = [texts(table.column(i)) for i in range(table.num_columns)]
    rows = ['{%s}' % ','.join('%s:%s' % (k, c[i]) for k, c in zip(names, cols)) for i in range(table.num_rows)]
    rows.sort(key=lambda s: s.encode())
    return rows


def dumps(table):
    return ''.join(r + '\n' for r in lines(table))


if __name__ == '__main__':
    import pyarrow.parquet as pq
    sys.stdout.write(dumps(pa.concat_tables(
        [pq.ParquetFile(f).read() for f in sys.argv[1:]], promote_options='default')))
