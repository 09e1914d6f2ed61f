package chaos

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"sync"
	"time"
)

// entry is a line of the journal: one operation of a client and what was answered.
type entry struct {
	At      time.Time `json:"at"`
	Millis  int64     `json:"ms"`
	Client  int       `json:"client"`
	Op      string    `json:"op"`
	Key     string    `json:"key,omitempty"`
	Version int       `json:"version"`
	Outcome outcome   `json:"outcome"`
	Answer  string    `json:"answer,omitempty"`
}

// outcome is what a client may conclude from an answer.
type outcome string

const (
	acknowledged outcome = "acknowledged" // it happened
	declined     outcome = "declined"     // it did not happen
	unknown      outcome = "unknown"      // it may have happened, or happen later
)

// journal is a file with all entries, for whoever looks into a failure.
type journal struct {
	mu   sync.Mutex
	file *os.File
	w    *bufio.Writer
	err  error
}

func newJournal(path string) (*journal, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &journal{file: f, w: bufio.NewWriterSize(f, 1<<20)}, nil
}

func (j *journal) add(e entry) {
	line, err := json.Marshal(e)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err == nil {
		_, err = j.w.Write(append(line, '\n'))
	}
	j.err = errors.Join(j.err, err)
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return errors.Join(j.err, j.w.Flush(), j.file.Close())
}
