package daemon

import (
	"os"
	"runtime"
)

// spareProcs is how many threads servers may have inside the disk at a time without
// a processor going idle: fdatasync of the log and of a container, and their pwrites.
const spareProcs = 4

// SpareProcs lets Go run on more threads than there are processors. A thread in a
// disk call keeps its place in the scheduler until the runtime's monitor takes it
// away, which is after about as long as an fdatasync takes here; with one place for
// each processor, processors go idle meanwhile although there is work. GOMAXPROCS in
// the environment wins. Call it once, from main.
func SpareProcs() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + spareProcs)
	}
}
