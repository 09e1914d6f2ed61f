package conf

import (
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"time"
)

// Kind is the form of a key's value.
type Kind string

// The kinds of values.
const (
	KindString   Kind = "string"
	KindAddress  Kind = "address"  // host:port, or host with the default's port
	KindList     Kind = "list"     // comma-separated
	KindBool     Kind = "bool"     // true or false
	KindInt      Kind = "int"      // whole number
	KindFloat    Kind = "float"    // number
	KindSize     Kind = "size"     // bytes: 4MB, 5GB, 1048576
	KindDuration Kind = "duration" // 500ms, 30s, 5m, 24h, 7d
)

// parse turns text into the Go type of k's kind.
func (k Key) parse(text string) (any, error) {
	text = strings.TrimSpace(text)
	switch k.Kind {
	case KindAddress:
		return parseAddress(text, k.Default)
	case KindList:
		return ParseList(text), nil
	case KindBool:
		return parseBool(text)
	case KindInt:
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, errors.New("want a whole number")
		}
		return n, nil
	case KindFloat:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, errors.New("want a number")
		}
		return f, nil
	case KindSize:
		return ParseSize(text)
	case KindDuration:
		return ParseDuration(text)
	default:
		return text, nil
	}
}

func parseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errors.New("want true or false")
}

// ParseList splits a comma-separated list and drops blanks and empty entries.
func ParseList(text string) []string {
	var list []string
	for _, s := range strings.Split(text, ",") {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	return list
}

// sizeUnits are Hadoop's StorageUnit names and short forms: powers of 1024.
func sizeUnit(name string) (shift uint, ok bool) {
	name = strings.ToLower(name)
	name = strings.TrimSuffix(strings.TrimSuffix(name, "b"), "i")
	switch name {
	case "":
		return 0, true
	case "k":
		return 10, true
	case "m":
		return 20, true
	case "g":
		return 30, true
	case "t":
		return 40, true
	case "p":
		return 50, true
	case "e":
		return 60, true
	}
	return 0, false
}

// ParseSize reads a number of bytes: "4MB", "4 mb", "4m", "4MiB", "1.5GB", "4096".
// Units are powers of 1024. Negative sizes and those over 8 EB are refused.
func ParseSize(text string) (int64, error) {
	number, unit := splitUnit(text)
	shift, ok := sizeUnit(unit)
	if !ok || number == "" {
		return 0, errors.New("want a size such as 4096, 512KB, 4MB or 5GB")
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		if n > math.MaxInt64>>shift {
			return 0, errors.New("size is too large")
		}
		return n << shift, nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, errors.New("want a size such as 4096, 512KB, 4MB or 5GB")
	}
	if f *= float64(int64(1) << shift); f >= math.MaxInt64 {
		return 0, errors.New("size is too large")
	}
	return int64(f), nil
}

// ParseDuration reads a span of time: "500ms", "30s", "5m", "24h", "7d", "1h30m".
// A bare number other than 0 is refused: Ozone reads it as milliseconds for one
// key and seconds for another. So is a negative one.
func ParseDuration(text string) (time.Duration, error) {
	bad := errors.New("want a time such as 500ms, 30s, 5m, 24h or 7d")
	number, unit := splitUnit(text)
	if number == "" {
		return 0, bad
	}
	if unit == "d" {
		f, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return 0, bad
		}
		if f *= float64(24 * time.Hour); f >= math.MaxInt64 {
			return 0, errors.New("time is too long")
		}
		return time.Duration(f), nil
	}
	d, err := time.ParseDuration(number + unit)
	if err != nil || d < 0 {
		return 0, bad
	}
	return d, nil
}

// splitUnit cuts "4 MB" into "4" and "MB". number is empty if text does not start
// with a digit.
func splitUnit(text string) (number, unit string) {
	text = strings.TrimSpace(text)
	i := 0
	for i < len(text) && (text[i] >= '0' && text[i] <= '9' || text[i] == '.' && i > 0) {
		i++
	}
	return text[:i], strings.TrimSpace(text[i:])
}

// parseAddress completes an address with the port of the key's default.
func parseAddress(text, fallback string) (string, error) {
	if text == "" {
		return "", nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		_, port, _ = net.SplitHostPort(fallback)
		host = text
		if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
			host = text[1 : len(text)-1]
		}
		if port == "" || strings.ContainsAny(host, "[]") || strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return "", errors.New("want host:port")
		}
	}
	if strings.ContainsAny(host, " /\t\r\n,") {
		return "", fmt.Errorf("%q is not a host name", host)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%q is not a port", port)
	} else {
		port = strconv.FormatUint(n, 10)
	}
	return net.JoinHostPort(host, port), nil
}
