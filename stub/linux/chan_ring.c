/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The ring in shared memory (protocol/ring.h) on QEMU's ivshmem-plain device: its BAR 2 is memory
 * of the host's, so nothing that is done with it leaves the guest. Its register BAR is not touched.
 */
#include <linux/io.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "protocol/ring.h"
#include "stub/linux/chan.h"

enum { IVSHMEM_DEVICE = 0x1110, IVSHMEM_MEMORY_BAR = 2 }; /* QEMU docs/specs/ivshmem-spec.txt */

struct chan_ring {
	struct chan chan;
	struct ring ring;
	void *memory;
};

static struct chan_ring *to_ring(struct chan *c)
{
	return container_of(c, struct chan_ring, chan);
}

static uint32_t ring_chan_session(struct chan *c)
{
	struct chan_ring *r = to_ring(c);

	ring_beat(&r->ring);
	return ring_session(&r->ring);
}

static size_t ring_chan_recv(struct chan *c, void *buf, size_t len)
{
	return ring_read(&to_ring(c)->ring, buf, len);
}

static size_t ring_chan_send(struct chan *c, const void *buf, size_t len)
{
	return ring_write(&to_ring(c)->ring, buf, len);
}

static uint32_t ring_chan_beat(struct chan *c)
{
	return ring_their_beat(&to_ring(c)->ring);
}

/* The host's number stands until the host takes it back; the core remembers that it is over. */
static void ring_chan_hang_up(struct chan *c)
{
}

static void ring_chan_stopped(struct chan *c, bool stopped)
{
	ring_set_stopped(&to_ring(c)->ring, stopped);
}

static const struct chan_ops ring_chan_ops = {
	.name = "ring in shared memory",
	.session = ring_chan_session,
	.recv = ring_chan_recv,
	.send = ring_chan_send,
	.beat = ring_chan_beat,
	.hang_up = ring_chan_hang_up,
	.stopped = ring_chan_stopped,
};

/* --- the device --- */

static int ring_map(struct pci_dev *pdev, struct chan_ring *r)
{
	resource_size_t bytes = pci_resource_len(pdev, IVSHMEM_MEMORY_BAR);

	/* ioremap_cache maps shared (without C-bit) on every version; memremap does not on all. */
	r->memory =
		(void __force *)ioremap_cache(pci_resource_start(pdev, IVSHMEM_MEMORY_BAR), bytes);
	if (!r->memory)
		return -ENOMEM;
	if (ring_init(&r->ring, RING_SIDE_GUEST, r->memory, bytes)) {
		dev_err(&pdev->dev, "cvmdbg_stub: the shared memory is too small for a ring\n");
		iounmap((void __iomem *)r->memory);
		return -EINVAL;
	}
	return 0;
}

static int ring_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct chan_ring *r = kzalloc(sizeof(*r), GFP_KERNEL);
	int err;

	if (!r)
		return -ENOMEM;
	r->chan.ops = &ring_chan_ops;
	err = pci_enable_device_mem(pdev);
	if (err)
		goto free;
	err = pci_request_region(pdev, IVSHMEM_MEMORY_BAR, "cvmdbg_stub");
	if (err)
		goto disable;
	err = ring_map(pdev, r);
	if (err)
		goto release;
	pci_set_drvdata(pdev, r);
	ring_open(&r->ring);
	err = chan_attach(&r->chan);
	if (!err)
		return 0;
	dev_info(&pdev->dev, "cvmdbg_stub: there is a link already, this one is left alone\n");
	ring_close(&r->ring);
	iounmap((void __iomem *)r->memory);
release:
	pci_release_region(pdev, IVSHMEM_MEMORY_BAR);
disable:
	pci_disable_device(pdev);
free:
	kfree(r);
	return err;
}

static void ring_remove(struct pci_dev *pdev)
{
	struct chan_ring *r = pci_get_drvdata(pdev);

	chan_detach(&r->chan);
	ring_close(&r->ring);
	iounmap((void __iomem *)r->memory);
	pci_release_region(pdev, IVSHMEM_MEMORY_BAR);
	pci_disable_device(pdev);
	kfree(r);
}

/*
 * No MODULE_DEVICE_TABLE: that such a device exists is no reason to load a debugger into the guest.
 */
static const struct pci_device_id ring_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, IVSHMEM_DEVICE) },
	{ 0 },
};

static struct pci_driver ring_driver = {
	.name = "cvmdbg_stub",
	.id_table = ring_ids,
	.probe = ring_probe,
	.remove = ring_remove,
};

int chan_ring_init(void)
{
	return pci_register_driver(&ring_driver);
}

void chan_ring_exit(void)
{
	pci_unregister_driver(&ring_driver);
}
