package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// replicationFlags are Ozone's -t and -r.
type replicationFlags struct {
	kind, value string
}

func (r *replicationFlags) addFlags(cmd *cobra.Command, what string) {
	r.addCopiesFlag(cmd, what)
	cmd.Flags().StringVarP(&r.kind, "type", "t", "", "kind of replication of the "+what+"; `RATIS` is the only one")
}

// addCopiesFlag is for commands where -t means something else.
func (r *replicationFlags) addCopiesFlag(cmd *cobra.Command, what string) {
	cmd.Flags().StringVarP(&r.value, "replication", "r", "", "`copies` of the "+what+", ONE or THREE; unless given, as set for the bucket or the cluster")
}

// validate checks the flags and brings the value into om's form.
func (r *replicationFlags) validate() error {
	switch strings.ToUpper(r.kind) {
	case "", "RATIS":
	case "EC", "STAND_ALONE", "CHAINED":
		return ozerr.New(ozerr.NotSupported, "replication type %s; use RATIS", strings.ToUpper(r.kind))
	default:
		return usagef("invalid value %q for --type; use RATIS", r.kind)
	}
	switch strings.ToUpper(r.value) {
	case "":
	case "ONE", "1":
		r.value = "ONE"
	case "THREE", "3":
		r.value = "THREE"
	default:
		return usagef("invalid value %q for --replication; use ONE or THREE", r.value)
	}
	return nil
}

func checkLayout(layout string) error {
	switch strings.ToUpper(layout) {
	case "OBS", "OBJECT_STORE":
		return nil
	case "FSO", "FILE_SYSTEM_OPTIMIZED", "LEGACY":
		return ozerr.New(ozerr.NotSupported, "bucket layout %s; use OBJECT_STORE", strings.ToUpper(layout))
	}
	return usagef("invalid value %q for --layout; use OBJECT_STORE", layout)
}

// replicationJSON is Ozone's form of a replication.
type replicationJSON struct {
	ReplicationFactor string `json:"replicationFactor"`
	RequiredNodes     int    `json:"requiredNodes"`
	ReplicationType   string `json:"replicationType"`
}

// replicationJSONOf is nil for the cluster's default, which only om knows.
func replicationJSONOf(replication string) *replicationJSON {
	switch replication {
	case "ONE":
		return &replicationJSON{replication, 1, "RATIS"}
	case "THREE":
		return &replicationJSON{replication, 3, "RATIS"}
	}
	return nil
}
