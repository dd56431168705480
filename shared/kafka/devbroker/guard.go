package devbroker

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxRequestBytes is Kafka's own default limit of a request (socket.request.max.bytes).
const maxRequestBytes = 100 << 20

// guardedListener closes connections that would end the process. kfake allocates whatever length the first four bytes
// claim; an HTTP request line claims 1.2 GB. It also panics on a request key that it does not know.
type guardedListener struct{ net.Listener }

func (l guardedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &guardedConn{Conn: conn, in: bufio.NewReader(conn)}, nil
}

// guardedConn checks the head of each frame of a connection before it passes the frame on.
type guardedConn struct {
	net.Conn
	in   *bufio.Reader
	left int // unread bytes of the current frame
}

// Read may be called by one goroutine at a time, as kfake does.
func (c *guardedConn) Read(p []byte) (int, error) {
	if c.left == 0 {
		size, err := c.nextFrame()
		if err != nil {
			return 0, err
		}
		c.left = size
	}
	n, err := c.in.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// nextFrame returns the number of bytes of the frame that begins here, with its length field.
func (c *guardedConn) nextFrame() (int, error) {
	const lengthField, header = 4, 8 // the header is key, version and correlation id
	head, err := c.in.Peek(lengthField + header)
	if err != nil {
		return 0, err
	}
	size := binary.BigEndian.Uint32(head)
	key := int16(binary.BigEndian.Uint16(head[lengthField:])) //nolint:gosec // the wire's own type
	if size < header || size > maxRequestBytes || kmsg.RequestForKey(key) == nil {
		return 0, fmt.Errorf("not a Kafka request: length %d, key %d", size, key)
	}
	return lengthField + int(size), nil
}
