//go:build !race

package container_test

// sequences is how many random histories a model test runs. See TestMain.
const sequences = "1000"
