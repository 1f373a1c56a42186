"""`make soak`: everything that runs is killed again and again, and nothing acknowledged may be lost.

`works.py` is what runs, `crowd.py` who uses it and remembers what was acknowledged, `kills.py` what is killed
and where, `checks.py` what must hold after it. The crash test of the log is the same, with few kills.
"""
