"""Is the challenger good enough to be tried?"""
