"""The factors of this repository, beside the 158 of Alpha158: none yet.

A factor that proved itself in a notebook is moved here as it stands; the flows then compute, store, audit and
serve it. Run the backfill once more afterwards: it adds the new factor's history and changes nothing else.

    from evergreen.core.features import factor

    @factor(lookback=21)
    def MOM20(bars):
        \"\"\"close / ref(close, 20) - 1\"\"\"
        return bars.close / bars.close.shift(20) - 1
"""
