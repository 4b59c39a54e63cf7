"""Salesforce Bulk API 2.0 in your dataframes."""
