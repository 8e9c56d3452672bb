"""Bailiwick: who may use which AI model from where, from one policy file."""
