package main

import (
	"context"
	"io"
	"strconv"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/conf"
	"github.com/mini-ozone/mini-ozone/internal/daemon"
	"github.com/mini-ozone/mini-ozone/internal/freon"
)

func newFreonCommand(s *session) *cobra.Command {
	return newGroup("freon", "Make load and measure it",
		`Make load and measure it. A generator does one small thing many times from several
threads and reports how long it took.

  ozone freon ockg -n 10000 -t 32 -s 4KB             keys through om and datanodes
  ozone freon s3kg -n 10000 -t 32 --size 4096        keys through the S3 gateway
  ozone freon ommg --operation CREATE_KEY -n 10000   om alone
  ozone freon ockg -n 1000 -p run1 && ozone freon ockv -n 1000 -p run1   write, then verify`,
		newKeyWriterCommand(s), newKeyVerifierCommand(s), newKeyRemoverCommand(s), newMetadataLoadCommand(s),
		newS3BucketLoadCommand(s), newS3KeyLoadCommand(s), newRandomKeysCommand(s))
}

// loadOptions are the flags of every generator but randomkeys.
type loadOptions struct {
	freon.Options
	prefix string
}

func (o *loadOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Int64VarP(&o.Tests, "number-of-tests", "n", 1000, "how many operations, `N`")
	f.IntVarP(&o.Threads, "threads", "t", 10, "operations at a time, `N`")
	f.DurationVar(&o.Duration, "duration", 0, "go on for so long instead of -n, such as `30s`")
	f.StringVarP(&o.prefix, "prefix", "p", "", "`prefix` of the names; a random one, unless given")
	f.BoolVarP(&o.FailAtEnd, "fail-at-end", "f", false, "go on after a failure, and fail at the end")
}

// complete checks the flags and chooses a prefix.
func (o *loadOptions) complete() error {
	switch {
	case o.Tests < 1:
		return usagef("--number-of-tests must be a positive number, not %d", o.Tests)
	case o.Threads < 1:
		return usagef("--threads must be a positive number, not %d", o.Threads)
	case o.Duration < 0:
		return usagef("--duration must be positive, not %s", o.Duration)
	}
	if o.prefix == "" {
		o.prefix = freon.RandomPrefix()
	}
	return nil
}

// runLoad runs a generator with a progress bar on notes, prints the report on
// out and returns the first failure.
func runLoad(ctx context.Context, o loadOptions, name string, task freon.Task, out, notes io.Writer) error {
	total := o.Tests
	if o.Duration > 0 {
		total = int64(o.Duration / time.Millisecond)
	}
	bar := newLoadBar(notes, name, total, o.Duration > 0)
	o.Progress = bar.progress()
	report := freon.Run(ctx, o.Options, name, task)
	bar.clear()
	if err := report.Print(out); err != nil {
		return err
	}
	return report.Err
}

// loadBar shows how far a run is: by operations, or by time when that bounds it.
// Off a terminal it shows nothing.
type loadBar struct {
	bar    *progressbar.ProgressBar
	byTime bool
}

func newLoadBar(w io.Writer, name string, total int64, byTime bool) loadBar {
	if !daemon.IsTerminal(w) {
		return loadBar{}
	}
	options := []progressbar.Option{
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(name),
		progressbar.OptionSetWidth(30),
		progressbar.OptionClearOnFinish(),
	}
	if !byTime {
		options = append(options, progressbar.OptionShowCount())
	}
	return loadBar{progressbar.NewOptions64(total, options...), byTime}
}

func (b loadBar) progress() func(int64, time.Duration) {
	if b.bar == nil {
		return nil
	}
	return func(done int64, elapsed time.Duration) {
		if b.byTime {
			done = min(elapsed.Milliseconds(), b.bar.GetMax64())
		}
		_ = b.bar.Set64(done) // only the terminal can fail
	}
}

func (b loadBar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}

// bucketFlags name the bucket that a generator of the client uses.
type bucketFlags struct{ volume, bucket string }

func (b *bucketFlags) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&b.volume, "volume", "v", "vol1", "`volume`, made if need be")
	f.StringVarP(&b.bucket, "bucket", "b", "bucket1", "`bucket`, made if need be")
}

func (b *bucketFlags) ref() client.BucketRef {
	return client.BucketRef{Volume: b.volume, Bucket: b.bucket}
}

// sizeFlag is a number of bytes with Ozone's units.
type sizeFlag int64

func (v *sizeFlag) Set(text string) error {
	n, err := conf.ParseSize(text)
	*v = sizeFlag(n)
	return err
}

func (v *sizeFlag) String() string { return formatSize(int64(*v)) }
func (v *sizeFlag) Type() string   { return "size" }

// formatSize is the shortest exact form.
func formatSize(n int64) string {
	units := []string{"", "KB", "MB", "GB", "TB"}
	i := 0
	for i < len(units)-1 && n != 0 && n%1024 == 0 {
		n /= 1024
		i++
	}
	return strconv.FormatInt(n, 10) + units[i]
}
