"""Calls of providers to us."""
