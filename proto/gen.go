// Package proto holds the messages that om, datanodes and clients exchange and
// that om stores. The generated code is committed; `make generate` renews it.
package proto

//go:generate protoc -I . --go_out=.. --go_opt=module=github.com/mini-ozone/mini-ozone commonpb/common.proto dnpb/datanode.proto ompb/om.proto
