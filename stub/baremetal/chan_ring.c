/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The link over the ring (protocol/ring.h) in QEMU's ivshmem-plain device (QEMU
 * docs/specs/ivshmem-spec.txt): found on bus 0 by PCI configuration mechanism #1 (PCI local bus
 * specification 3.0, 3.2.2.3.2), its BAR 2 mapped at DEVICE_VA.
 */
#include "protocol/ring.h"
#include "stub/baremetal/machine.h"

enum {
	CONFIG_ADDRESS = 0xcf8,
	CONFIG_DATA = 0xcfc,
	CONFIG_COMMAND = 0x04,
	CONFIG_BAR2 = 0x18,
	COMMAND_MEMORY = 0x2,
	BAR_64BIT = 0x4,
	BAR_FLAGS = 0xf,
	SLOTS = 32,
	IVSHMEM = 0x1110 << 16 | 0x1af4, /* device, vendor */
};

static struct ring ring;

/* --- the device --- */

static void config_select(unsigned int slot, unsigned int reg)
{
	uint32_t address = 0x80000000 | slot << 11 | reg;

	__asm__ volatile("outl %0, %1" : : "a"(address), "Nd"((uint16_t)CONFIG_ADDRESS));
}

static uint32_t config_read(unsigned int slot, unsigned int reg)
{
	uint32_t value;

	config_select(slot, reg);
	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"((uint16_t)CONFIG_DATA));
	return value;
}

static void config_write(unsigned int slot, unsigned int reg, uint32_t value)
{
	config_select(slot, reg);
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"((uint16_t)CONFIG_DATA));
}

static uint64_t bar_read(unsigned int slot)
{
	uint64_t low = config_read(slot, CONFIG_BAR2);

	return low & BAR_64BIT ? (uint64_t)config_read(slot, CONFIG_BAR2 + 4) << 32 | low : low;
}

static void bar_write(unsigned int slot, uint64_t value, bool wide)
{
	config_write(slot, CONFIG_BAR2, (uint32_t)value);
	if (wide)
		config_write(slot, CONFIG_BAR2 + 4, (uint32_t)(value >> 32));
}

/* The BAR's bits that cannot be set are its size; it must not be decoded meanwhile. */
static uint64_t bar_size(unsigned int slot, uint64_t bar)
{
	uint32_t command = config_read(slot, CONFIG_COMMAND);
	bool wide = bar & BAR_64BIT;
	uint64_t mask;

	config_write(slot, CONFIG_COMMAND, command & ~(uint32_t)COMMAND_MEMORY);
	bar_write(slot, UINT64_MAX, wide);
	mask = bar_read(slot) & ~(uint64_t)BAR_FLAGS;
	bar_write(slot, bar, wide);
	config_write(slot, CONFIG_COMMAND, command | COMMAND_MEMORY);
	return wide ? -mask : (uint32_t)-mask;
}

static void *map(uint64_t pa, uint64_t len)
{
	uint64_t first = pa & -(uint64_t)LARGE_PAGE;
	uint64_t i;

	for (i = 0; i < LAPIC_SLOT && first + i * LARGE_PAGE < pa + len; i++)
		pd_device[i] = (first + i * LARGE_PAGE) | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
	return (void *)(DEVICE_VA + (pa - first)); /* was never mapped: no TLB entries */
}

/* --- the link --- */

static uint32_t ring_chan_session(struct port *p)
{
	(void)p;
	ring_beat(&ring);
	return ring_session(&ring);
}

static size_t ring_chan_recv(struct port *p, void *buf, size_t len)
{
	(void)p;
	return ring_read(&ring, buf, len);
}

static size_t ring_chan_send(struct port *p, const void *buf, size_t len)
{
	(void)p;
	return ring_write(&ring, buf, len);
}

static uint32_t ring_chan_beat(struct port *p)
{
	(void)p;
	return ring_their_beat(&ring);
}

/* The host's number stands until the host takes it back; the core remembers that it is over. */
static void ring_chan_hang_up(struct port *p)
{
	(void)p;
}

static void ring_chan_stopped(bool stopped)
{
	ring_set_stopped(&ring, stopped);
}

static const struct chan chan = {
	.name = "ring in shared memory",
	.session = ring_chan_session,
	.recv = ring_chan_recv,
	.send = ring_chan_send,
	.beat = ring_chan_beat,
	.hang_up = ring_chan_hang_up,
	.stopped = ring_chan_stopped,
};

const struct chan *chan_ring_find(void)
{
	unsigned int slot;
	uint64_t bar, size;

	for (slot = 0; slot < SLOTS && config_read(slot, 0) != IVSHMEM; slot++)
		;
	if (slot == SLOTS)
		return NULL;
	bar = bar_read(slot);
	size = bar_size(slot, bar);
	if (size > RING_BYTES_MAX)
		size = RING_BYTES_MAX;
	if (ring_init(&ring, RING_SIDE_GUEST, map(bar & ~(uint64_t)BAR_FLAGS, size), size))
		return NULL;
	ring_open(&ring);
	return &chan;
}
