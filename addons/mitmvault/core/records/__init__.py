"""What is known of requests that went through: rows, sums, explanations, cases of tests."""
