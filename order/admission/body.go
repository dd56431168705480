package admission

import "io"

// takeBody takes room for a body, if it is a large one.
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

// giveBack ends what a large body takes.
func (p *Pass) giveBack() {
	if p.body > 0 {
		p.gate.bodies.Release(p.client, p.body)
	}
	p.body = 0
}

// Body returns what the body of the placement is to be read from. One whose length is not known takes room when more of
// it has come than a small one has, and is refused then if there is none: reading fails, with a *Refusal.
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
