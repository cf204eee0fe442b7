// Package request has what the engine says to a network, and what it is answered.
package request

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"

	"mocker/netd/frame"
	"mocker/netd/settings"
)

const (
	maximumNames = 256
	maximumPorts = 4096
)

// Line is a line of the control socket.
type Line struct {
	ID     *json.Number    `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// Add has the parameters of `endpoint.add`.
type Add struct {
	EndpointID  string   `json:"endpointId"`
	MAC         string   `json:"mac"`
	Address     string   `json:"address"`
	Names       []string `json:"names"`
	HostGateway bool     `json:"hostGateway"`
	Upstream    []string `json:"upstream"`
	// The guest asks the resolvers of other networks, too.
	OtherResolvers bool   `json:"otherResolvers"`
	Ports          []Port `json:"ports"`

	// What Check has read in the texts above.
	HardwareAddress frame.MAC    `json:"-"`
	IP              netip.Addr   `json:"-"`
	Servers         []netip.Addr `json:"-"`
}

// Update has the parameters of `endpoint.update`.
type Update struct {
	EndpointID string    `json:"endpointId"`
	Names      *[]string `json:"names"`
	Up         *bool     `json:"up"`
}

// Remove has the parameters of `endpoint.remove`.
type Remove struct {
	EndpointID string `json:"endpointId"`
}

// Port asks for a published port. Without an address it is one on all addresses of both families;
// without a host port it is any that is free.
type Port struct {
	Protocol    string `json:"protocol"`
	GuestPort   uint16 `json:"guestPort"`
	HostAddress string `json:"hostAddress"`
	HostPort    uint16 `json:"hostPort"`
}

// BoundPort is a published port as it is.
type BoundPort Port

// EndpointStatus is a VM's part of `status`. Bytes are counted as the VM sees them; dropped frames are those
// that it sent and might not, and those that it did not read in time.
type EndpointStatus struct {
	EndpointID    string      `json:"endpointId"`
	MAC           string      `json:"mac"`
	Address       netip.Addr  `json:"address"`
	Names         []string    `json:"names"`
	Connected     bool        `json:"connected"`
	Up            bool        `json:"up"`
	Ports         []BoundPort `json:"ports"`
	RxBytes       uint64      `json:"rxBytes"`
	TxBytes       uint64      `json:"txBytes"`
	DroppedFrames uint64      `json:"droppedFrames"`
}

// RemovedEvent tells that an endpoint has gone without having been removed by a request.
type RemovedEvent struct {
	Event      string `json:"event"`
	EndpointID string `json:"endpointId"`
}

var endpointIDPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$`)

// Check says what is wrong with the parameters, if anything is.
func (r *Add) Check(network *settings.Settings) error {
	if err := checkEndpointID(r.EndpointID); err != nil {
		return err
	}
	mac, err := net.ParseMAC(r.MAC)
	if err != nil || len(mac) != len(r.HardwareAddress) || !frame.MAC(mac).IsUnicast() {
		return fmt.Errorf("mac %q is not a unicast Ethernet address", r.MAC)
	}
	r.HardwareAddress = frame.MAC(mac)
	r.IP, err = netip.ParseAddr(r.Address)
	if err != nil || !settings.IsHost(network.Subnet, r.IP) || r.IP == network.Gateway {
		return fmt.Errorf("address %q is not a VM's in %s", r.Address, network.Subnet)
	}
	if err := checkNames(r.Names); err != nil {
		return err
	}
	for _, server := range r.Upstream {
		address, err := netip.ParseAddr(server)
		if err != nil {
			return fmt.Errorf("upstream %q is not an IP address", server)
		}
		r.Servers = append(r.Servers, address)
	}
	if len(r.Ports) > maximumPorts {
		return fmt.Errorf("more than %d ports", maximumPorts)
	}
	for _, port := range r.Ports {
		if port.Protocol != "tcp" && port.Protocol != "udp" {
			return fmt.Errorf("protocol %q is neither tcp nor udp", port.Protocol)
		}
		if port.GuestPort == 0 {
			return errors.New("guestPort is missing")
		}
	}
	return nil
}

// Check says what is wrong with the parameters, if anything is.
func (r *Update) Check(*settings.Settings) error {
	if r.Names != nil {
		if err := checkNames(*r.Names); err != nil {
			return err
		}
	}
	return checkEndpointID(r.EndpointID)
}

// Check says what is wrong with the parameters, if anything is.
func (r *Remove) Check(*settings.Settings) error { return checkEndpointID(r.EndpointID) }

func checkEndpointID(id string) error {
	if !endpointIDPattern.MatchString(id) {
		return fmt.Errorf("endpointId %q is not valid", id)
	}
	return nil
}

func checkNames(names []string) error {
	if len(names) > maximumNames {
		return fmt.Errorf("more than %d names", maximumNames)
	}
	for _, name := range names {
		if name == "" || len(name) > 253 {
			return fmt.Errorf("name %q is not valid", name)
		}
	}
	return nil
}
