"""What measures to settle a question: confirmation of a change, bisection, the nightly run."""
