#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Of three brokers the one that leads a partition goes, and the one that
# coordinates the group: once in order, once by kill -9.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Cluster;
use Test::Forebay::Kafka;
use Test::Forebay::Load;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $cluster = Test::Forebay::Cluster->new;

# Stop that node while records flow; all go on without it.
sub without
{
	my ($load, $id, $signal, $name) = @_;
	my ($f) = $load->hosts;

	$load->breaks;
	$cluster->stop_node($id, $signal);
	is_soon {
		my @leaders = $cluster->leaders($load->topic);

		return @leaders && !grep { $_ == $id || $_ < 1 } @leaders;
	} 'others lead', 60;
	$load->recovers($name, timeout => 60);
	is_soon { ($f->http('/readyz'))[0] == 204 } 'ready', 60;
	$cluster->start_node($id);
	is_soon { $cluster->node_is_up($id) } 'the node is back', 60;
	return;
}

scenario 'the leader of a partition' => sub {
	my $load = Test::Forebay::Load->new($cluster);

	without($load, ($cluster->leaders($load->topic))[0], 'TERM',
	    'the leader of a partition stops');
	without($load, ($cluster->leaders($load->topic))[0], 'KILL',
	    'the leader of a partition is killed');
	$load->verdict(repeated => 0, timeout => 60);
};

scenario 'the coordinator of the group' => sub {
	my $load = Test::Forebay::Load->new($cluster);
	my ($f) = $load->hosts;
	my $generation = $f->group_generation;
	my $id = $cluster->coordinator($load->group);

	cmp_ok($id, '>=', 1, 'there is one');
	without($load, $id, 'KILL', 'the coordinator of the group is killed');
	isnt($cluster->coordinator($load->group), $id, 'it is another one');
	is($f->group_generation, $generation, 'no rebalance');
	$load->verdict(repeated => 0, timeout => 60);
};

done_testing();
