// Scores
