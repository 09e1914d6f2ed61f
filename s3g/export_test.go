package s3g

import "slices"

// Route is a row of the route table, as tests outside the package see it.
type Route struct {
	Level                 string // service, bucket, object
	Method, Sub, Op       string
	Copy, Open            bool
	Implemented, Versions bool // Versions: takes a versionId
}

// Routes is the route table.
func Routes() []Route {
	var out []Route
	for _, r := range routes() {
		out = append(out, Route{
			Level:  [...]string{"service", "bucket", "object"}[r.level],
			Method: r.method, Sub: r.sub, Op: r.op, Copy: r.copy, Open: r.open,
			Implemented: r.handle != nil, Versions: slices.Contains(r.params, "versionId"),
		})
	}
	return out
}
