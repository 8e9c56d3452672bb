"""What a cloud call really checks, and what clouds say they did."""
