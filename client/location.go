package client

// Location is a stretch of an object's bytes and where it is stored.
type Location struct {
	Container, Local uint64   // the block
	Offset, Length   int64    // the bytes of the block that belong to the object
	KeyOffset        int64    // where in the object they come
	Nodes            []string // addresses of the datanodes that hold the container
}

// Locations says where the object's bytes are, in their order. It is empty for
// an object from a listing, which comes without blocks.
func (o Object) Locations() []Location {
	var list []Location
	var at int64
	for _, b := range o.blocks.blocks {
		l := Location{
			Container: b.GetId().GetContainer(), Local: b.GetId().GetLocal(),
			Offset: int64(b.GetOffset()), Length: int64(b.GetLength()), KeyOffset: at,
		}
		for _, n := range o.blocks.locations[l.Container].GetNodes() {
			l.Nodes = append(l.Nodes, n.GetAddress())
		}
		at += l.Length
		list = append(list, l)
	}
	return list
}
