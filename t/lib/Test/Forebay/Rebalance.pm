# SPDX-License-Identifier: Apache-2.0
#
# Hosts of one group that come and go, with a given way to assign partitions.
package Test::Forebay::Rebalance;

use strict;
use warnings;

use Exporter qw(import);
use Test::More;

use Test::Forebay::Load;
use Test::Forebay::Util;

our @EXPORT = qw(comes_and_goes);

# Join, leave in order, come back: nothing is read twice, because a hand-over
# commits what it gives away.
sub in_order
{
	my ($load, $name, @others) = @_;
	my ($first) = $load->hosts;

	for my $host (@others) {
		$load->breaks;
		$host->start;
		$load->await_balance;
		$load->recovers("$name, a host joins");
	}
	$load->breaks;
	$first->drain;
	$load->await_balance;
	$load->recovers("$name, a host leaves");
	$first->start;
	$load->await_balance;
	pass('and comes back');
	$load->settle;
	return;
}

# $config has the lines of source.kafka.config; hosts => 2 or 3.
sub comes_and_goes
{
	my ($b, $name, $config, %opt) = @_;
	my $load = Test::Forebay::Load->new($b, hosts => $opt{hosts} // 2,
	    start => 1, config => $config);
	my ($first, @others) = $load->hosts;

	in_order($load, $name, @others);
	$load->produce;
	$load->breaks;
	$others[0]->kill_all;
	$load->await_balance;
	$load->recovers("$name, a host dies");
	$others[0]->start;
	$load->await_balance;
	# Half of what the dead one had acked since its last commit, and what
	# it had in flight.
	$load->verdict(repeated => 2 * $Test::Forebay::Load::IN_FLIGHT +
	    $load->{rate});
	return;
}

1;
