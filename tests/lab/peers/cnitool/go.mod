// Pinned: the runtimes' library for CNI as a program, which calls every command of the specification.
module baremetal-sriov/peers/cnitool

go 1.26.0

tool github.com/containernetworking/cni/cnitool

require github.com/containernetworking/cni v1.3.0 // indirect
