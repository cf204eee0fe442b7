package frame

import "net"

// MAC is an Ethernet address.
type MAC [6]byte

// Broadcast is that of all hosts of a network.
var Broadcast = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// IsUnicast says whether it is one host's.
func (m MAC) IsUnicast() bool { return m[0]&1 == 0 && m != MAC{} }

// String is the address as `02:42:ac:12:00:02`.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }
