package s3g

import "net"

// refuse tells a client that there is no place. Over TLS it is not told: that would take
// a handshake.
func refuse(c net.Conn) {
	if plain, ok := c.(*conn); ok {
		_, _ = plain.Write(refusal) // fits the empty buffer of a new connection
	}
}

var refusal = []byte("HTTP/1.1 503 Service Unavailable\r\nServer: Ozone\r\nContent-Type: application/xml\r\nRetry-After: " + retryAfter +
	"\r\nConnection: close\r\n\r\n" + `<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
