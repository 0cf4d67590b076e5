#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The result of a command is what has happened: commands that could do only a
# part of it, or nothing.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Pipe;
use Test::Forebay::Util;

my $broker = Test::Forebay::Mock->new;

# OffsetCommit: no right to the group, for longer than a stop tries it.
sub refuse_commits { $broker->command('error 8 1000 30') }

# Of the only partition there is.
sub part { return (values %{$_[0]->partitions})[0] // {} }

sub acked_ok
{
	my ($f, $n) = @_;

	return is_soon { (part($f)->{acked} // -1) == $n } "$n are acked";
}

scenario 'a stop whose last commit is refused' => sub {
	$broker = Test::Forebay::Mock->new;
	my $topic = $broker->topic(1);
	my $f = Test::Forebay->new(broker => $broker, topic => $topic,
	    sink => 'blackhole', no_ledger => 'commits are refused');

	$f->start_ready(1);
	is_soon { (part($f)->{committed} // -1) == 0 } 'a commit';
	refuse_commits();
	$broker->produce($topic, 100);
	acked_ok($f, 100);
	my ($status, $out, $err) = $f->cli('drain');

	is($status, 1, 'drain: 1');
	is($out, '', 'nothing on standard output');
	like($err, qr/the last commit of 1 partition was refused/, 'and why');
	is($f->await_exit, 0, 'the process exits as always');
	like($f->log_text, qr/given back without .*: records from 0 on will be repeated/,
	    'the log says from where');
};

# Nobody takes what the sink writes, so the drain ends with its deadline.
sub with_records_in_flight
{
	my (%opt) = @_;
	my $topic = ($broker = Test::Forebay::Mock->new)->topic(2);
	my $f = Test::Forebay->new(broker => $broker, topic => $topic,
	    no_ledger => 'not all that is read is committed', %opt,
	    host => { drainTimeout => '1s', memory => { maxRecords => 8000 },
		%{$opt{host} // {}} });
	my $pipe = Test::Forebay::Pipe->new($f);

	$f->start_ready(2);
	$broker->produce($topic, 20_000);
	wait_until {
		my $rows = $f->partitions;

		return 2 == grep { $_->{in_flight} } values %$rows;
	} 'records of both partitions are in flight';
	return ($f, $pipe, $topic);
}

scenario 'a stop with records in flight' => sub {
	my ($f, $pipe, $topic) = with_records_in_flight();
	my ($status, $out, $err) = $f->cli('drain');

	is($status, 1, 'drain: 1');
	like($err, qr/2 partitions were given back with \d+ records in flight/,
	    'how many');
	like($err, qr{\b$topic/$_ from \w}, "partition $_, and from where")
	    for 0, 1;
	is($f->await_exit, 0, 'the process exits as always');
	unlike($f->log_text, qr/everything is drained/,
	    'nor does the log say otherwise');
	my %repeated = $f->log_text =~
	    m{partition $topic/(\d): given back with (\d+) records in flight: records from .* on will be read again}g;
	my ($sum) = $err =~ /given back with (\d+)/;

	is($repeated{0} + $repeated{1}, $sum, 'which has both');
};

scenario 'going over to another runtime with records in flight' => sub {
	my ($f, $pipe, $topic) = with_records_in_flight(host => {
	    runtimes => { other => { command => ['/bin/sleep', '600'] } } });
	my ($status, $text) = $f->reload(sub {
		$_[0]{containerTemplate} = { env => [{
		    name => 'NUMAFLOW_RUNTIME', value => 'other' }] };
	});

	is($status, 1, 'reload: 1');
	like($text, qr/runtime is now "other"; 2 partitions were given back with/,
	    'and what is repeated');
	$f->stop;
};

# The sibling: an offset that nobody knows is no offset.
scenario 'a stop before anything is committed' => sub {
	$broker = Test::Forebay::Mock->new;
	my $topic = $broker->topic(1);
	my $f = Test::Forebay->new(broker => $broker, topic => $topic,
	    sink => 'blackhole', no_ledger => 'commits are refused');

	refuse_commits();
	$broker->produce($topic, 100);
	$f->start_only;
	acked_ok($f, 100);
	my ($status, undef, $err) = $f->cli('stop');

	is($status, 1, 'stop: 1');
	$f->await_exit;
	unlike($f->log_text, qr/from -1|-1 is committed/, 'no offset of -1');
	like($f->log_text,
	    qr/no offset of it is committed.*auto\.offset\.reset/,
	    'but where it begins again');
};

scenario 'watermark reset, without a partition' => sub {
	my $f = Test::Forebay->new(broker => $broker, topic => 'none-such',
	    no_ledger => 'there is no topic');

	$f->start;
	is_soon { $f->status->{state} eq 'RUNNING' } 'it runs';
	my ($status, $out, $err) = $f->cli('watermark', 'reset');

	is($status, 1, 'watermark reset: 1');
	like($err, qr/nothing was reset/, 'and why');
	$f->stop;
};

done_testing();
