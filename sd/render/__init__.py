"""From facts to what a person looks at: tables, and the display of a running plan."""
