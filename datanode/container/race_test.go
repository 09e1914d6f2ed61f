//go:build race

package container_test

// sequences is how many random histories a model test runs under the race detector,
// which makes them ten times as dear. See TestMain.
const sequences = "150"
