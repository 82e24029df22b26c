"""What a page is made of: numbers as text, tables, drawings and the templates that hold them; it knows no result."""
