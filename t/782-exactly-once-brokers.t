#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Exactly once on three brokers, of which one goes; and with the broker's own
# assignment (group.protocol: consumer), while hosts come, go and freeze.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Cluster;
use Test::Forebay::ExactlyOnce;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $cluster = Test::Forebay::Cluster->new(settings => {
	'group.consumer.min.session.timeout.ms' => 1000,
	'group.consumer.session.timeout.ms' => 3000,
	'group.consumer.min.heartbeat.interval.ms' => 200,
	'group.consumer.heartbeat.interval.ms' => 500,
});

# That node goes, and comes back when others have its leaderships.
sub without
{
	my ($f, $p, $id, $what) = @_;

	cmp_ok($id, '>=', 1, "there is $what");
	$cluster->stop_node($id, 'KILL');
	is_soon {
		my @leaders = $cluster->leaders($f->{topics}[0]);

		return @leaders && !grep { $_ == $id || $_ < 1 } @leaders;
	} 'others lead', 240;
	my $acked = $p->acked;
	my $before = $f->status->{counters}{delivered};

	is_soon { $p->acked > $acked + 1000 } 'records flow', 240;
	is_soon { $f->status->{counters}{delivered} > $before + 1000 }
	    'and are delivered', 240;
	$cluster->start_node($id);
	is_soon { $cluster->node_is_up($id) } 'the node is back', 240;
	return;
}

scenario 'a leader is killed, and then the coordinator' => sub {
	my ($f, $p) = Test::Forebay::ExactlyOnce::busy($cluster,
	    rate => 2000);

	without($f, $p, ($cluster->leaders($f->{topics}[0]))[0], 'a leader');
	without($f, $p, $cluster->coordinator($f->{group}), 'a coordinator');
	Test::Forebay::ExactlyOnce::all_once($cluster, $f, $p,
	    timeout => 240);
};

my %consumer = ('group.protocol' => 'consumer', 'group.instance.id' => '');

scenario 'group.protocol consumer: a host comes and goes' => sub {
	Test::Forebay::ExactlyOnce::hosts_come_and_go($cluster, 1, %consumer);
};

scenario 'group.protocol consumer: a frozen host comes back' => sub {
	Test::Forebay::ExactlyOnce::frozen_host($cluster, 1, %consumer);
};

done_testing();
