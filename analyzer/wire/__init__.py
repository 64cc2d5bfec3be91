"""Every wire layout, stated once, as Construct schemas; and what is computed from them.

No other module holds a bit mask, a shift or a field width: they index the tables of `analyzer.wire.tables`,
which are these schemas' own answers.
"""
