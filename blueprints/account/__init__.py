"""Views; see `views.py`."""
