package s3xml

// Set fills in the element of one algorithm (CRC32, CRC32C, CRC64NVME, SHA1,
// SHA256). Other names are ignored.
func (c *Checksums) Set(algorithm, value string) {
	if p := c.field(algorithm); p != nil {
		*p = value
	}
}

// Each calls f for every checksum that is there, in AWS's order.
func (c *Checksums) Each(f func(algorithm, value string)) {
	for _, a := range [...]string{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"} {
		if v := *c.field(a); v != "" {
			f(a, v)
		}
	}
}

func (c *Checksums) field(algorithm string) *string {
	switch algorithm {
	case "CRC32":
		return &c.ChecksumCRC32
	case "CRC32C":
		return &c.ChecksumCRC32C
	case "CRC64NVME":
		return &c.ChecksumCRC64NVME
	case "SHA1":
		return &c.ChecksumSHA1
	case "SHA256":
		return &c.ChecksumSHA256
	}
	return nil
}
