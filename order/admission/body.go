package admission

import "io"

// takeBody reserves room for a large body. A small body needs none.
func (p *Pass) takeBody(length int64) *Refusal {
	if length <= largeBody {
		return nil
	}
	if !p.gate.bodies.TryAcquire(p.client, length) {
		return bodiesAreIn
	}
	p.body = length
	return nil
}

// giveBack returns the room that a large body took.
func (p *Pass) giveBack() {
	if p.body > 0 {
		p.gate.bodies.Release(p.client, p.body)
	}
	p.body = 0
}

// Body wraps the request's body. The body must be read through the wrapper. A body of unknown length takes room once it
// turns out to be large. If there is no room, Read returns a *Refusal.
func (p *Pass) Body(body io.ReadCloser) io.ReadCloser {
	if p.unsized == 0 {
		return body
	}
	return &unsizedBody{body, p, 0}
}

type unsizedBody struct {
	io.ReadCloser
	pass *Pass
	read int64
}

// Read implements io.Reader.
func (b *unsizedBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	b.read += int64(n)
	if b.read > largeBody && b.pass.body == 0 {
		if r := b.pass.takeBody(b.pass.unsized); r != nil {
			return 0, b.pass.gate.refuse(r)
		}
	}
	return n, err
}
