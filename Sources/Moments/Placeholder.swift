// Moments
