"""Query: from the org to frames. SOQL goes out, typed pages come back."""
