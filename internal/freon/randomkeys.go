package freon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
)

// RandomKeysOptions say how large a tree RandomKeys makes.
type RandomKeysOptions struct {
	Volumes, Buckets, Keys int64 // in all; in each volume; in each bucket
	KeySize                int64
	Validate               bool // read every key back and compare
	Replication            string
	Prefix                 string  // in all names
	Run                    Options // Tests, Duration and Progress don't count
	// Phase, if set, is told before each phase its name and how many operations
	// it has, and returns the phase's Options.Progress.
	Phase func(name string, count int64) (progress func(int64, time.Duration))
}

// RandomKeysReport is what RandomKeys came to.
type RandomKeysReport struct {
	Volumes, Buckets, Keys, Validated Report
	Elapsed                           time.Duration
	validate                          bool
}

// RandomKeys (rk) makes volumes, buckets and keys under names of its own, and
// reads the keys back if asked to.
func RandomKeys(ctx context.Context, c MetadataClient, o RandomKeysOptions) RandomKeysReport {
	t := tree{client: c, options: o, content: NewContent(o.KeySize)}
	buckets := o.Volumes * o.Buckets
	r := RandomKeysReport{validate: o.Validate}
	start := time.Now()
	phase := func(report *Report, name string, count int64, task Task) bool {
		run := o.Run
		run.Tests, run.Duration, run.Progress = count, 0, nil
		if o.Phase != nil {
			run.Progress = o.Phase(name, count)
		}
		*report = Run(ctx, run, name, task)
		return report.Err == nil
	}
	_ = phase(&r.Volumes, "volumes", o.Volumes, t.createVolume) &&
		phase(&r.Buckets, "buckets", buckets, t.createBucket) &&
		phase(&r.Keys, "keys", buckets*o.Keys, t.writeKey) &&
		o.Validate && phase(&r.Validated, "validated keys", buckets*o.Keys, t.validateKey)
	r.Elapsed = time.Since(start)
	return r
}

// tree numbers the volumes, buckets and keys.
type tree struct {
	client  MetadataClient
	options RandomKeysOptions
	content *Content
}

func (t tree) volume(n int64) string { return fmt.Sprintf("vol-%d-%s", n, t.options.Prefix) }

// bucket is the n-th bucket over all volumes. Its name is its own among all.
func (t tree) bucket(n int64) client.BucketRef {
	return client.BucketRef{
		Volume: t.volume(n / t.options.Buckets),
		Bucket: fmt.Sprintf("bucket-%d-%s", n, t.options.Prefix),
	}
}

// key is the n-th key over all buckets.
func (t tree) key(n int64) client.KeyRef {
	return client.KeyRef{BucketRef: t.bucket(n / t.options.Keys), Key: fmt.Sprintf("key-%d-%s", n, t.options.Prefix)}
}

func (t tree) createVolume(ctx context.Context, n int64) (int64, error) {
	return 0, t.client.CreateVolume(ctx, t.volume(n), "")
}

func (t tree) createBucket(ctx context.Context, n int64) (int64, error) {
	ref := t.bucket(n)
	_, err := t.client.CreateBucket(ctx, client.CreateBucketOptions{Volume: ref.Volume, Bucket: ref.Bucket})
	return 0, err
}

func (t tree) writeKey(ctx context.Context, n int64) (int64, error) {
	return putKey(ctx, t.client, t.key(n), t.content, t.options.Replication)
}

func (t tree) validateKey(ctx context.Context, n int64) (int64, error) {
	return verifyKey(ctx, t.client, t.key(n), t.content)
}

// Err is what failed, nil if nothing did. A phase that failed is the last.
func (r *RandomKeysReport) Err() error {
	return errors.Join(r.Volumes.Err, r.Buckets.Err, r.Keys.Err, r.Validated.Err)
}

// Print writes the report in Ozone's form.
func (r *RandomKeysReport) Print(w io.Writer) error {
	const rule = "***************************************************\n"
	status := "Success"
	if r.Err() != nil {
		status = "Failed"
	}
	fmt.Fprint(w, rule)
	fmt.Fprintf(w, "Status: %s\n", status)
	fmt.Fprintf(w, "Number of Volumes created: %d\n", r.Volumes.Successes())
	fmt.Fprintf(w, "Number of Buckets created: %d\n", r.Buckets.Successes())
	fmt.Fprintf(w, "Number of Keys added: %d\n", r.Keys.Successes())
	fmt.Fprintf(w, "Average Time spent in volume creation: %s\n", clock(r.Volumes.Latency.Mean()))
	fmt.Fprintf(w, "Average Time spent in bucket creation: %s\n", clock(r.Buckets.Latency.Mean()))
	fmt.Fprintf(w, "Average Time spent in key write: %s\n", clock(r.Keys.Latency.Mean()))
	fmt.Fprintf(w, "Total bytes written: %d\n", r.Keys.Bytes)
	if r.validate {
		wrong := r.Validated.Failures
		fmt.Fprintf(w, "Total number of writes validated: %d\n", r.Validated.Successes()+wrong)
		fmt.Fprintf(w, "Successful validation: %d\n", r.Validated.Successes())
		fmt.Fprintf(w, "Unsuccessful validation: %d\n", wrong)
	}
	_, err := fmt.Fprintf(w, "Total Execution time: %s\n%s", clock(r.Elapsed), rule)
	return err
}

// randomKeysJSON has Ozone's field names.
type randomKeysJSON struct {
	Status             string `json:"status"`
	NumOfThreads       int    `json:"numOfThreads"`
	NumOfVolumes       int64  `json:"numOfVolumes"`
	NumOfBuckets       int64  `json:"numOfBuckets"`
	NumOfKeys          int64  `json:"numOfKeys"`
	KeySize            int64  `json:"keySize"`
	ExecTime           string `json:"execTime"`
	DataWritten        int64  `json:"dataWritten"`
	MeanKeyWriteMicros int64  `json:"meanKeyWriteMicros"`
	P99KeyWriteMicros  int64  `json:"p99KeyWriteMicros"`
	WritesValidated    int64  `json:"writesValidated"`
	ValidationFailures int64  `json:"validationFailures"`
}

// JSON is the report for programs.
func (r *RandomKeysReport) JSON(o RandomKeysOptions) any {
	status := "Success"
	if r.Err() != nil {
		status = "Failed"
	}
	return randomKeysJSON{
		Status: status, NumOfThreads: o.Run.Threads, NumOfVolumes: r.Volumes.Successes(),
		NumOfBuckets: r.Buckets.Successes(), NumOfKeys: r.Keys.Successes(), KeySize: o.KeySize,
		ExecTime: clock(r.Elapsed), DataWritten: r.Keys.Bytes,
		MeanKeyWriteMicros: r.Keys.Latency.Mean().Microseconds(),
		P99KeyWriteMicros:  r.Keys.Latency.Quantile(0.99).Microseconds(),
		WritesValidated:    r.Validated.Successes(), ValidationFailures: r.Validated.Failures,
	}
}

// clock prints a span of time as Ozone does: hours:minutes:seconds,milliseconds.
func clock(d time.Duration) string {
	ms := d.Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d,%03d", ms/3_600_000, ms/60_000%60, ms/1000%60, ms%1000)
}
