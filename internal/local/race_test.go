//go:build race

package local

// raceEnabled: the race detector makes everything several times slower.
const raceEnabled = true
