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

// guardedListener keeps strangers from ending the process: kfake allocates whatever length the first four bytes claim
// (an HTTP request line claims 1.2 GB) and panics on a request key that it does not know. Such a connection is closed.
type guardedListener struct{ net.Listener }

func (l guardedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &guardedConn{Conn: conn, in: bufio.NewReader(conn)}, nil
}

// guardedConn follows the frames of a connection and looks at the head of each before it passes the frame on.
type guardedConn struct {
	net.Conn
	in   *bufio.Reader
	left int // bytes of the current frame still to be read
}

// Read is called by one goroutine at a time, as kfake does.
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

// nextFrame answers the length in bytes of the frame that begins here, its own length field included.
func (c *guardedConn) nextFrame() (int, error) {
	const lengthField, header = 4, 8 // a request begins with its key, its version and a correlation id
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
